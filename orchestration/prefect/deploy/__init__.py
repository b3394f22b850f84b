"""Registration with a server: deployments, their forms and schedules, the work pool, the alerts.

deploy registers all of it; follow shows a run on its agent in the terminal.
"""
