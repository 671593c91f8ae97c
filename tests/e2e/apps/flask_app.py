# SPDX-License-Identifier: MIT
"""An ordinary Flask application: session, form, upload, streaming."""
import hashlib

from flask import (Flask, Response, flash, get_flashed_messages, jsonify,
                   redirect, request, session, url_for)

app = Flask(__name__)
app.secret_key = "only for tests"


@app.route("/")
def index():
    return "Hello from Flask"


@app.route("/count")
def count():
    session["n"] = session.get("n", 0) + 1
    return jsonify(n=session["n"])


@app.route("/form", methods=["GET", "POST"])
def form():
    if request.method == "POST":
        flash("thank you, " + request.form["name"])
        return redirect(url_for("thanks"))
    return '<form method="post"><input name="name"></form>'


@app.route("/thanks")
def thanks():
    return "; ".join(get_flashed_messages())


@app.route("/upload", methods=["POST"])
def upload():
    f = request.files["file"]
    digest, n = hashlib.sha256(), 0
    while True:
        part = f.stream.read(65536)
        if not part:
            break
        digest.update(part)
        n += len(part)
    return jsonify(name=f.filename, length=n, sha256=digest.hexdigest())


@app.route("/json", methods=["POST"])
def json():
    return jsonify(got=request.get_json())


@app.route("/stream")
def stream():
    return Response((f"row {i}\n" for i in range(1000)),
                    mimetype="text/plain")


@app.route("/url")
def url():
    return url_for("index", _external=True)


@app.route("/error")
def error():
    raise RuntimeError("flask failed")
