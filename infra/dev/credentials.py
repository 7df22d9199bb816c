"""Who may speak to a cluster of ours: static tokens, and kubeconfig files that hold them."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ADMIN", "COMPONENTS", "issue_tokens", "kubeconfig", "token_file", "write_signing_key"]

ADMIN = "admin"
# User names and groups are those that Kubernetes' own roles are bound to.
COMPONENTS: Mapping[str, Sequence[str]] = {
    ADMIN: ["system:masters"],
    # Its roles are bound to one service account for each controller; asking for those tokens slows the start.
    "system:kube-controller-manager": ["system:masters"],
    "system:kube-scheduler": [],
    "system:node:localhost": ["system:nodes"],
}


def issue_tokens(users: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return a fresh token for each user."""
    return {user: secrets.token_hex(16) for user in users}


def token_file(users: Mapping[str, Sequence[str]], tokens: Mapping[str, str]) -> str:
    """Return the API server's table of tokens: token, user, user id, groups.

    Source: Kubernetes, "Authenticating", section "Static token file".
    """
    lines = [
        f'{tokens[user]},"{user}",{number},"{",".join(groups)}"'
        for number, (user, groups) in enumerate(users.items(), start=1)
    ]
    return "\n".join(lines) + "\n"


def kubeconfig(server: str, authority: bytes, token: str) -> str:
    """Return a kubeconfig that stands alone: address, certificate and token within (JSON is YAML).

    Args:
        server: The API server's URL.
        authority: The certificate to trust, PEM.
        token: The user's token.
    """
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "dev",
        "clusters": [{"name": "dev", "cluster": cluster}],
        "users": [{"name": "dev", "user": {"token": token}}],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "dev"}}],
    }
    return json.dumps(config, indent=2) + "\n"


def write_signing_key(private: Path, public: Path) -> None:
    """Write a new key pair for service accounts' tokens."""
    for command in (
        ["openssl", "genrsa", "-out", str(private), "2048"],
        ["openssl", "rsa", "-in", str(private), "-pubout", "-out", str(public)],
    ):
        subprocess.run(command, check=True, capture_output=True)
