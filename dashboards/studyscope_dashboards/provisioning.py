"""How Grafana finds the data source and the dashboards, and how it behaves in a closed network."""

from __future__ import annotations

import configparser
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

ROLES = "contains(groups[*], 'studyscope-admin') && 'Admin' || contains(groups[*], 'studyscope-editor') && 'Editor' || 'Viewer'"
"""Who may do what in Grafana, by the groups that the identity provider names (JMESPath)."""

DATASOURCE_UID = "studyscope"
FOLDER_UID = "studyscope"


@dataclass(frozen=True)
class OpenId:
    """Log-in by an identity provider; the secret stays in a file that Grafana reads itself."""

    client: str
    secret_file: str
    authorization: str
    token: str
    userinfo: str


def datasource(prometheus_url: str, *, guarded: bool = False) -> dict[str, Any]:
    """The Prometheus data source, in Grafana's provisioning form.

    `guarded`: the address is the aggregator's, which wants to know who asks; Grafana forwards the person's own identity
    and holds no secret of its own, because every viewer can ask every data source of the organisation.
    """
    asker = {"oauthPassThru": True} if guarded else {}
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Studyscope",
                "uid": DATASOURCE_UID,
                "type": "prometheus",
                "access": "proxy",
                "url": prometheus_url,
                "isDefault": True,
                "editable": False,
                "jsonData": {"httpMethod": "POST", "timeInterval": "1m", "manageAlerts": False, **asker},
            }
        ],
    }


@dataclass(frozen=True)
class PagesFolder:
    """A folder in Grafana and the files of its pages."""

    uid: str
    title: str
    path: str


def dashboard_provider(folders: Sequence[PagesFolder], reread_seconds: int = 30) -> dict[str, Any]:
    """The folders of generated dashboards. A person's own copy has another uid and folder, so it survives."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": folder.title,
                "folder": folder.title,
                "folderUid": folder.uid,
                "type": "file",
                "disableDeletion": False,
                "allowUiUpdates": False,
                "updateIntervalSeconds": reread_seconds,
                "options": {"path": folder.path},
            }
            for folder in folders
        ],
    }


def write_grafana_provisioning(
    folder: Path,
    prometheus_url: str,
    dashboards_folder: str,
    *,
    reread_seconds: int = 30,
    guarded: bool = False,
    of_studies: Sequence[PagesFolder] = (),
) -> None:
    """Writes `datasources/` and `dashboards/` below `folder`, Grafana's provisioning path."""
    pages = dashboard_provider((PagesFolder(FOLDER_UID, "Studyscope", dashboards_folder), *of_studies), reread_seconds)
    for kind, content in (("datasources", datasource(prometheus_url, guarded=guarded)), ("dashboards", pages)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / "studyscope.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def grafana_ini(
    *,
    http_addr: str = "127.0.0.1",
    http_port: int = 3000,
    data_folder: str,
    provisioning_folder: str,
    root_url: str | None = None,
    anonymous_viewer: bool = False,
    public_organisation: str | None = None,
    home_dashboard: str | None = None,
    openid: OpenId | None = None,
    admin_password_file: str | None = None,
) -> str:
    """A grafana.ini for a closed network: nothing is fetched from or reported to anywhere.

    Grafana reads the administrator's password from `admin_password_file` and does not start without it; where none is
    named, set GF_SECURITY_ADMIN_PASSWORD. `anonymous_viewer` is for the demo, where there is nobody to protect. In
    `public_organisation` (see public_organisation.py) whoever has not logged in sees totals; while there is no such
    organisation, they see the log-in. With a path in `root_url`, Grafana answers below that path.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read_dict(
        {
            "paths": {"data": data_folder, "logs": f"{data_folder}/log", "provisioning": provisioning_folder},
            "server": {"http_addr": http_addr, "http_port": str(http_port)} | _root(root_url),
            "analytics": {
                "reporting_enabled": "false",
                "check_for_updates": "false",
                "check_for_plugin_updates": "false",
                "feedback_links_enabled": "false",
            },
            "news": {"news_feed_enabled": "false"},
            "plugins": {"preinstall_disabled": "true", "plugin_admin_enabled": "false", "public_key_retrieval_disabled": "true"},
            "security": {"disable_gravatar": "true", "allow_embedding": "false", "cookie_samesite": "strict"}
            | ({"admin_password": f"$__file{{{admin_password_file}}}"} if admin_password_file else {}),
            "snapshots": {"external_enabled": "false"},
            "users": {"allow_sign_up": "false", "default_theme": "system"},
            "auth.anonymous": _anonymous(anonymous_viewer, public_organisation),
            **_openid(openid),
            "alerting": {"enabled": "false"},
            "unified_alerting": {"enabled": "false"},
            "dashboards": {"default_home_dashboard_path": home_dashboard} if home_dashboard else {},
        }
    )
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def _anonymous(viewer: bool, organisation: str | None) -> dict[str, str]:
    enabled = {"enabled": str(viewer or organisation is not None).lower(), "org_role": "Viewer"}
    return enabled | ({"org_name": organisation} if organisation else {})


def _root(url: str | None) -> dict[str, str]:
    if url is None:
        return {}
    below = urlsplit(url).path.strip("/")
    return {"root_url": url} | ({"serve_from_sub_path": "true"} if below else {})


def _openid(openid: OpenId | None) -> dict[str, dict[str, str]]:
    if openid is None:
        return {}
    provider = {
        "enabled": "true",
        "name": "Consortium",
        "client_id": openid.client,
        "client_secret": f"$__file{{{openid.secret_file}}}",
        "scopes": "openid profile email",
        "auth_url": openid.authorization,
        "token_url": openid.token,
        "api_url": openid.userinfo,
        "use_pkce": "true",
        "use_refresh_token": "true",
        "allow_sign_up": "true",
        "role_attribute_path": ROLES,
        "role_attribute_strict": "true",
    }
    return {"auth.generic_oauth": provider, "auth": {"disable_login_form": "true"}}
