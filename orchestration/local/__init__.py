"""The embedded stack: a real Postgres, an S3 endpoint and the e-mail provider, in one process tree.

Used by `make demo`, `make stack`, `make bench` and the tests. No image has it, and nothing else imports it.

    stack.LocalStack        all parts together, as a context manager
    postgres_server         initdb, start, stop (postgres_binaries finds one, accounts drops root's privileges)
    s3_server, saas_server  the two HTTP endpoints
    shop                    the shop's database, seeded
    processes, supervise    children that stop when their parent does, whatever way it ends
    run_directory           the throw-away directory of a stack, and the sweeping up after killed ones
"""
