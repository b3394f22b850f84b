"""What the account holds, and what its sessions share. Knows no statement."""
