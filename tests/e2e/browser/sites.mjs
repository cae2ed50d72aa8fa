// A customer's site, on another host name than the daemon's: for browsers another site altogether.

import { createServer } from "node:http";

const POLICY = (web) => `default-src 'self'; img-src data:; script-src 'self' ${web}; frame-src ${web}`;

/** A page that embeds the Widget of `web`, with a strict policy of its own. */
export function page(web, request, response) {
  const headers = { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY(web) };
  response.writeHead(request.url === "/" ? 200 : 404, headers);
  response.end(`<!doctype html><html lang="en"><head><title>A customer's site</title><link rel="icon" href="data:,"></head>
<body><main><h1>Our shop</h1><p>Things to buy.</p></main>
<script src="${web}/widget.js" async data-label="Ask us"></script></body></html>`);
}

function serve(web) {
  const server = createServer((request, response) => page(web, request, response));
  return new Promise((resolve) => server.listen(0, "localhost", () => resolve(server)));
}

export const sites = {
  open: [],
  /** The origin of a new one. */
  async start(web) {
    const server = await serve(web);
    this.open.push(server);
    return `http://localhost:${server.address().port}`;
  },
  async close() {
    for (const server of this.open) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  },
};
