# SPDX-License-Identifier: MIT
"""The application of the admin."""
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "djadmin.settings")

application = get_wsgi_application()
