# SPDX-License-Identifier: MIT
from django.contrib import admin
from django.http import HttpResponse
from django.urls import path


def index(request):
    return HttpResponse("Hello from Django\n", content_type="text/plain")


urlpatterns = [path("", index), path("admin/", admin.site.urls)]
