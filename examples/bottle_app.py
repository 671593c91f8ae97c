# SPDX-License-Identifier: MIT
"""A Bottle application, made by a factory: wsgi-app = bottle_app:make(...)."""
import bottle


def make(greeting="Hello"):
    app = bottle.Bottle()

    @app.get("/greet/<name>")
    def greet(name):
        bottle.response.content_type = "text/plain"
        return f"{greeting}, {name}\n"

    @app.post("/size")
    def size():
        return {"octets": len(bottle.request.body.read())}

    return app
