"""The API: `app` assembles the application, `routes` and `admin` answer, `pager` pages, `access` checks keys
and rates.
"""
