"""djproj URL Configuration."""
from django.urls import path

from shop import views

urlpatterns = [
    path("", views.index),
    path("order/", views.order),
    path("done/", views.done),
    path("count/", views.count),
    path("stream/", views.stream),
    path("upload/", views.upload),
    path("error/", views.error),
    path("file/", views.file),
]
