"""CronJob: Jobs at given times."""
