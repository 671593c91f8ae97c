# SPDX-License-Identifier: MIT
"""A small project: Django's admin and one page, with sqlite."""
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
# For a real site: a secret of its own, from the section [env].
SECRET_KEY = os.environ.get("SECRET_KEY", "only-an-example")
DEBUG = False
ALLOWED_HOSTS = ["*"]
# gthreadd takes X-Forwarded-Proto from proxies that it trusts, and tells
# Django by wsgi.url_scheme: SECURE_PROXY_SSL_HEADER is not needed.
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth",
    "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages"]},
}]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": os.environ.get("DATABASE", BASE_DIR / "db.sqlite3"),
    # Connections belong to threads, and gthreadd's threads stay: keep them.
    "CONN_MAX_AGE": 600,
}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
USE_TZ = True
# To standard error, which is gthreadd's error log with capture-output, or
# the terminal.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
