import hashlib
from pathlib import Path

from django import forms
from django.contrib import messages
from django.http import (FileResponse, HttpResponse, JsonResponse,
                         StreamingHttpResponse)
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt


class OrderForm(forms.Form):
    name = forms.CharField(max_length=50)
    count = forms.IntegerField(min_value=1)


def index(request):
    return HttpResponse("Hello from Django")


def order(request):
    form = OrderForm(request.POST or None)
    if form.is_valid():
        request.session["order"] = form.cleaned_data
        messages.success(request, "ordered")
        return redirect("/done/")
    return render(request, "shop/order.html", {"form": form})


def done(request):
    return render(request, "shop/done.html",
                  {"order": request.session.get("order")})


def count(request):
    request.session["n"] = request.session.get("n", 0) + 1
    return JsonResponse({"n": request.session["n"]})


def stream(request):
    return StreamingHttpResponse(f"row {i}\n" for i in range(1000))


@csrf_exempt
def upload(request):
    digest, n = hashlib.sha256(), 0
    for part in request.FILES["file"].chunks():
        digest.update(part)
        n += len(part)
    return JsonResponse({"length": n, "sha256": digest.hexdigest()})


def error(request):
    raise RuntimeError("django failed")


def file(request):
    return FileResponse(open(Path(__file__), "rb"))
