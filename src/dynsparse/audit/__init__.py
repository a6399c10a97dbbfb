"""The audit of a study: may I believe this?"""
