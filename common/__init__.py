"""What every program needs and no library has. It imports nothing of ours; any package may import it.

environment     which ENVIRONMENT this is, and the demo's secrets, which dev alone takes
foreign_text    others' words in our messages: nothing in them steers a terminal, or is a secret of ours
passwords       the passwords within connection strings and URLs
"""
