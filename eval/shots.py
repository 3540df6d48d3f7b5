"""Screenshots of a page, light and dark, wide and narrow: what to look at after a change of it.

    python eval/shots.py out/demo/report.html out/shots

Writes VIEW-SCHEME-WIDTH.png. Needs the extra `dev` and a Chromium (on the path, or named by --chromium).
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

VIEWS = {
    "matrix": "view=matrix",
    "cell": "cell=pakistan.joint_operations",
    "turns": "view=turns",
    "compare": "view=compare",
    "quality": "view=quality",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=args.chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            for width in (1280, 400):
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                for name, state in VIEWS.items():
                    page.goto(f"{args.page.resolve().as_uri()}#{state}")
                    page.reload()
                    page.wait_for_selector("#main > *")
                    path = args.out / f"{name}-{scheme}-{width}.png"
                    page.screenshot(path=path)
                    print(path)
        browser.close()


if __name__ == "__main__":
    main()
