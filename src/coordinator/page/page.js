// The page of a coordinator that has no dashboard. Text from the mesh gets into it as text only: it may be anybody's.

/** How often the nodes are looked at, milliseconds. */
const lookAgainMs = 5_000;

const english = {
  token: "Token",
  logIn: "Log in",
  logOut: "Log out",
  node: "Node",
  status: "Status",
  work: "Work",
  runtime: "Runtime",
  tags: "Tags",
  noNodes: "No node has joined.",
  mayNotRead: "This token may not list the nodes.",
  unreachable: "The coordinator does not answer.",
  who: (subject, scopes) => `Logged in as ${subject} (${scopes}).`,
  online: "online",
  busy: "busy",
  offline: "offline",
};

const chinese = {
  token: "令牌",
  logIn: "登录",
  logOut: "退出登录",
  node: "节点",
  status: "状态",
  work: "任务",
  runtime: "运行时",
  tags: "标签",
  noNodes: "还没有节点加入。",
  mayNotRead: "此令牌无权查看节点列表。",
  unreachable: "协调器没有响应。",
  who: (subject, scopes) => `当前身份：${subject}（${scopes}）。`,
  online: "在线",
  busy: "忙碌",
  offline: "离线",
};

const isChinese = navigator.language.toLowerCase().startsWith("zh");
const texts = isChinese ? chinese : english;

const find = (id) => document.getElementById(id);
const notice = find("notice");
const login = find("login");
const field = find("token");
const mesh = find("mesh");
const rows = find("nodes");

let timer;

/** Browsers send a cookie to every port of a name; this they show to pages of this one only, and the cookie needs it. */
const keyName = "claw-mesh-session";

/** The status and the parsed body of an answer; null: there was none. */
async function call(method, path, body) {
  const request = { method, credentials: "same-origin", headers: { accept: "application/json" } };
  const key = window.localStorage.getItem(keyName);
  if (key !== null) request.headers["x-claw-mesh-session"] = key;
  if (body !== undefined) {
    request.headers["content-type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  try {
    const response = await window.fetch(`/api/v1${path}`, request);
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  } catch {
    return null;
  }
}

function say(answer) {
  notice.textContent = answer === null ? texts.unreachable : `${answer.body.error} ${answer.body.hint}`;
}

function showLogin() {
  window.clearTimeout(timer);
  mesh.hidden = true;
  rows.replaceChildren();
  login.hidden = false;
  field.focus();
}

function showNodes(nodes) {
  notice.textContent = nodes.length === 0 ? texts.noNodes : "";
  rows.replaceChildren(
    ...nodes.map((node) => {
      const row = document.createElement("tr");
      const cells = [
        node.name,
        node.ready
          ? (texts[node.status] ?? node.status)
          : `${texts[node.status] ?? node.status}: ${node.reason}`,
        `${node.in_flight}/${node.slots}`,
        node.runtimes.map(({ kind }) => kind).join(", "),
        (node.capabilities.tags ?? []).join(", "),
      ];
      for (const text of cells) {
        const cell = document.createElement("td");
        cell.textContent = text;
        row.append(cell);
      }
      return row;
    }),
  );
}

async function look() {
  const answer = await call("GET", "/nodes");
  // Logged out meanwhile.
  if (mesh.hidden) return;
  if (answer?.status === 401) {
    showLogin();
    return say(answer);
  }
  if (answer?.status === 403) {
    notice.textContent = texts.mayNotRead;
    return;
  }
  if (answer?.status === 200) showNodes(answer.body);
  else say(answer);
  timer = window.setTimeout(look, lookAgainMs);
}

function showMesh(session) {
  login.hidden = true;
  mesh.hidden = false;
  find("who").textContent = texts.who(session.name ?? session.subject, session.scopes.join(", "));
  notice.textContent = "";
  void look();
}

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = field.value.trim();
  field.value = "";
  const answer = await call("POST", "/session", { token, bind_page: true });
  if (answer?.status === 200) {
    window.localStorage.setItem(keyName, answer.body.page_key);
    showMesh(answer.body);
  } else say(answer);
});

find("leave").addEventListener("click", async () => {
  const answer = await call("DELETE", "/session");
  window.localStorage.removeItem(keyName);
  showLogin();
  if (answer?.status === 204) notice.textContent = "";
  else say(answer);
});

document.documentElement.lang = isChinese ? "zh-CN" : "en";
for (const element of document.querySelectorAll("[data-text]")) {
  element.textContent = texts[element.dataset.text];
}
const known = await call("GET", "/session");
if (known?.status === 200) showMesh(known.body);
else showLogin();
if (known === null) say(known);
