# SPDX-License-Identifier: MIT
"""A Flask application; serve it with

    gthreadd -b 127.0.0.1:8000 --chdir examples flask_app:app
"""
from flask import Flask, request

app = Flask(__name__)


@app.route("/")
def index():
    return "Hello from Flask\n"


@app.route("/greet/<name>")
def greet(name):
    return f"Hello, {name}\n"


@app.route("/echo", methods=["POST"])
def echo():
    return request.get_data()
