"""Authorization of the pages: nothing without signing in, a viewer reads, an editor writes, a forged form fails."""

import pytest
from starlette.routing import Mount, Route

from rtb_optimizer.web.app import app

ROUTES = [route for route in app.routes if isinstance(route, Route)]
PLACEHOLDERS = {"entity_code": "drugs_com", "run_id": "1", "dag_id": "rtb_optimizer__drugs_com", "name": "pages.css"}
PLACEHOLDERS |= {"output_type": "manifest", "config_key": "min_z"}
CALLS = [(method, route.path) for route in ROUTES for method in sorted(route.methods)]


def path_of(template):
    return "/rtb" + template.format(**PLACEHOLDERS)


def test_the_app_has_routes_only():
    """What is mounted below it would have none of its checks."""
    assert [route.path for route in app.routes if isinstance(route, Mount)] == []
    assert len(ROUTES) == len(app.routes) > 4


@pytest.mark.parametrize(("method", "template"), CALLS)
def test_nobody_gets_anything_without_signing_in(anonymous, method, template):
    assert anonymous.request(method, path_of(template)).status_code == 401


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer garbage",
        "Bearer a.b.c",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",  # unsigned, "alg": "none"
        f"Bearer {'x' * 20_000}",
        "Bearer true",
        "Bearer",
        "Bearer ",
        "Basic YWRtaW46YWRtaW4=",
        "garbage",
    ],
)
@pytest.mark.parametrize("path", ["/rtb/api/v1/entities", "/rtb/"])
def test_a_token_that_is_none_signs_nobody_in(anonymous, path, sent):
    answer = anonymous.get(path, headers={"authorization": sent})

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_token_of_this_airflow_that_names_no_user_signs_nobody_in(anonymous, auth_manager):
    token = auth_manager._get_token_signer().generate({"role": "ADMIN"})

    assert anonymous.get("/rtb/api/v1/entities", headers={"authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize(("method", "template"), [call for call in CALLS if call[0] not in ("GET", "HEAD")])
def test_a_viewer_changes_nothing(sign_in, add_entity, method, template):
    add_entity()
    assert sign_in("viewer").request(method, path_of(template)).status_code == 403


@pytest.mark.parametrize(("method", "template"), [call for call in CALLS if call[0] not in ("GET", "HEAD")])
@pytest.mark.parametrize("origin", ["http://elsewhere.example", "https://testserver", "https://", "null", None])
def test_a_form_of_another_site_changes_nothing(browser, add_entity, method, template, origin):
    add_entity()
    browser.headers.pop("origin")
    headers = {"origin": origin} if origin else {}
    answer = browser.request(method, path_of(template), headers=headers)
    assert answer.status_code == 403
    assert "does not come from a page of this site" in answer.text


@pytest.mark.parametrize(
    ("proxy", "origin", "allowed"),
    [
        (None, "http://testserver", True),
        ("https", "https://testserver", True),
        ("https, http", "https://testserver", True),
        ("https", "http://testserver", False),
        ("http", "https://testserver", False),
    ],
)
def test_a_form_is_of_the_scheme_that_the_browser_sees(browser, add_entity, proxy, origin, allowed):
    """Behind a proxy that ends TLS, that is the scheme that it passes on."""
    add_entity()
    headers = {"origin": origin} | ({"x-forwarded-proto": proxy} if proxy else {})
    answer = browser.post("/rtb/entities/drugs_com/rollback", headers=headers, data={"run_id": "1", "reason": "x"})
    assert (answer.status_code == 403) is not allowed


def test_no_other_site_learns_the_address_of_a_page(browser):
    assert browser.get("/rtb/").headers["referrer-policy"] == "same-origin"
