"""The API: `app` puts all together, `routes` and `admin` answer, `pager` pages, `access` checks keys and rates."""
