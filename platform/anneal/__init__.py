"""The Django project of Anneal: settings, composition root, kernel and machine room."""
