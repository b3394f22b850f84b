"""Code that every program needs and no library offers. It imports no other package of ours; any package may import it.

environment     the value of ENVIRONMENT, and the demo's secrets, which only dev accepts
foreign_text    foreign text in our messages, made free of control sequences and of our secrets
garbage         how seldom Python's garbage collector works
passwords       the passwords within connection strings and URLs
prefect_server  leaves Prefect's server out of processes that are clients of one
"""
