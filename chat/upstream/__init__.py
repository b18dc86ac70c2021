"""The way to the providers; knows neither Django nor the models.

Nothing is imported here: the SDK takes longer than all of Django, and most management commands do without.
"""
