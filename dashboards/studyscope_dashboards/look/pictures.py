"""Screenshots of every page, light and dark, narrow and wide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page, sync_playwright

THEMES = ("light", "dark")
WIDTHS = (1280, 1920)
_ROW_PIXELS = 38
_FRAME_PIXELS = 110
_SETTLED = """
panels => {
  const busy = [...document.querySelectorAll('button')].some(button => button.innerText.trim() === 'Cancel')
    || document.querySelector('[aria-label="Panel loading bar"]');
  const drawn = document.querySelectorAll('[data-testid^="data-testid Panel header"]').length >= panels;
  window.quietSince = busy || !drawn ? 0 : window.quietSince || Date.now();
  return window.quietSince && Date.now() - window.quietSince > 1500;
}
"""
"""Every panel is there and nothing was asked for one and a half seconds: bars and lines are drawn after their data came."""


def take_pictures(
    grafana_url: str,
    pages: Mapping[str, Mapping[str, Any]],
    chosen: Mapping[str, Mapping[str, str]],
    folder: Path,
    *,
    browser: str | None = None,
    themes: Sequence[str] = THEMES,
    widths: Sequence[int] = WIDTHS,
) -> Iterator[Path]:
    """Writes PAGE-THEME-WIDTH.png of each page into `folder`; `chosen` holds each page's variables.

    `browser` is a Chromium other than playwright's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        for width in widths:
            for uid, page in pages.items():
                view = chromium.new_page(viewport={"width": width, "height": height(page)})
                for theme in themes:
                    path = folder / f"{uid}-{theme}-{width}.png"
                    _take(view, f"{grafana_url}/d/{uid}?{_choice(chosen[uid], theme)}", path, _drawn(page))
                    yield path
                view.close()
        chromium.close()


def height(page: Mapping[str, Any]) -> int:
    """Pixels that the whole page takes, so that nothing has to be scrolled into view."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in page["panels"])
    return int(rows * _ROW_PIXELS + _FRAME_PIXELS)


def _drawn(page: Mapping[str, Any]) -> int:
    """Panels that can be seen: those of a closed row cannot."""
    return sum(bool(panel.get("targets")) for panel in page["panels"])


def _choice(chosen: Mapping[str, str], theme: str) -> str:
    return urlencode({**{f"var-{name}": value for name, value in chosen.items()}, "theme": theme, "kiosk": "1", "refresh": ""})


def _take(view: Page, url: str, path: Path, shown: int) -> None:
    view.goto(url, wait_until="load", timeout=60_000)
    view.wait_for_function(_SETTLED, arg=shown, timeout=90_000)
    view.screenshot(path=path)
