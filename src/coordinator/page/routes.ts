import type { Handlers } from "../http/http-server.ts";
import { pageHeaders } from "../http/response-headers.ts";
import style from "./page.css" with { type: "text" };
import page from "./page.html" with { type: "text" };
import script from "./page.js" with { type: "text" };

type PageHandlers = Pick<Handlers, "getPage" | "getPageScript" | "getPageStyle">;

/** The page for browsers until there is a dashboard. It holds nothing about this mesh: that comes over the API. */
export function createPageRoutes(): PageHandlers {
  return {
    getPage: serveText(String(page), "text/html; charset=utf-8"),
    getPageScript: serveText(script, "text/javascript; charset=utf-8"),
    getPageStyle: serveText(style, "text/css; charset=utf-8"),
  };
}

function serveText(text: string, contentType: string): () => Response {
  const headers = pageHeaders(contentType);
  return () => new Response(text, { headers });
}
