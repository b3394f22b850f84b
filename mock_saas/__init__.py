"""A mock of a third-party e-mail provider: its API over a history that is computed, not stored.

api      the FastAPI app, its routes and pages
history  the events and campaigns: `cells` makes events, from `lifecycle` (the events of a message) and `tracks` (how
         any moment of received time is made on its own); `campaigns` makes campaigns
faults   injected faults in responses
"""
