"""The embedded stack: a real Postgres, an S3 endpoint and the e-mail provider, in one process tree.

Used by `make demo`, `make stack`, `make bench` and the tests. No image has it, and nothing else imports it.

    stack.LocalStack        all parts together, as a context manager
    servers                 Postgres, the S3 endpoint, the e-mail provider; the shop's database, seeded
    processes, supervise    children that stop when their parent does, whatever way it ends
    run_directory           the throw-away directory of a stack, and the sweeping up after killed ones
    demo                    `make demo`
    snowflake               an emulated Snowflake account
"""
