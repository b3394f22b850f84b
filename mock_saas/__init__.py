"""A mock of a third-party e-mail provider: its API over a history that is computed, not stored.

Read from the outside in: ``app`` puts all together; ``api`` and ``admin`` are the routes; ``pager``, ``event_list``
and ``campaign_list`` page through records; ``cells`` makes events, from ``lifecycle`` (what happens to a message) and
``tracks`` (how any moment of received time is made on its own); ``campaigns`` makes campaigns.
"""
