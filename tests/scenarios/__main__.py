"""Write down what is decided in every story: `python -m tests.scenarios`; a commit explains what changed."""

from __future__ import annotations

import sys

from tests.scenarios.playing import STORIES, expected_of, play, told


def main() -> None:
    """Rewrite the expectations of all stories, and say which changed."""
    for story in STORIES:
        text = "\n".join(told(play(story).effects)) + "\n"
        file = expected_of(story)
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{story}: {'as before' if text == before else 'changed'}\n")


if __name__ == "__main__":
    main()
