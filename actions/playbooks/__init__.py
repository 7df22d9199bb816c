"""The playbooks that come with Suture, one YAML file each."""
