"""A browser without a person: follows redirects and keeps cookies.

browser.py get URL            (https: trusting the test's own certificate) the last page on the standard output; ends with 1 if it is not a 2xx
browser.py load URL RATE END  requests at RATE a second, a connection each, until the file END exists;
                              prints "N sent, N failed" and what went wrong
"""

import collections
import http.cookiejar
import os
import queue
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request

WORKERS = 64
CERTIFICATE = "/srv/onedesk/tls.crt"


def get(url):
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(jar, urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=CERTIFICATE)))
    browser.addheaders = [("User-Agent", "boot-test"), ("Accept", "text/html")]
    try:
        with browser.open(url, timeout=20) as page:
            print(page.geturl())
            print(page.read().decode())
            return 0
    except urllib.error.HTTPError as error:
        print(error.code, error.url)
        print(error.read().decode())
        return 1


def load(url, rate, end):
    due = queue.Queue()
    outcomes = collections.Counter()

    def work():
        while due.get():
            try:
                with urllib.request.urlopen(url, timeout=20) as answer:
                    outcomes[answer.status] += 1
            except Exception as error:  # every way of failing counts
                outcomes[f"{type(error).__name__}: {error}"] += 1

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    started = time.monotonic()
    sent = 0
    while not os.path.exists(end):
        due.put(True)
        sent += 1
        time.sleep(max(0, started + sent / rate - time.monotonic()))
    for _ in workers:
        due.put(False)
    for worker in workers:
        worker.join()
    failed = sum(count for outcome, count in outcomes.items() if outcome != 200)
    seconds = time.monotonic() - started
    print(f"{sent} sent, {failed} failed in {seconds:.1f} s ({sent / seconds:.0f}/s)", dict(outcomes))
    return 1 if failed or not sent else 0


if sys.argv[1] == "get":
    sys.exit(get(sys.argv[2]))
sys.exit(load(sys.argv[2], float(sys.argv[3]), sys.argv[4]))
