from django.urls import include, path

from tests.browser.preview import views

urlpatterns = [
    path("", views.fleet),
    path("units/", views.units),
    path("host/web1/", views.host),
    path("states/", views.states),
    path("verb/", views.verb),
    path("verbs/<str:name>/", views.verbs),
    path("denied/", views.refused),
    path("palette/", views.palette),
    path("accounts/", include("allauth.urls")),
    path("signin/<str:token>/", views.fleet, name="signin"),
]
websockets = [path("ws/preview/", views.Preview.as_asgi()), path("ws/denied/", views.Closed.as_asgi())]
handler404 = "console.views.errors.not_found"
