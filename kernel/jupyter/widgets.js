// The object gonb_comm, by which the widgets of gonbui in this page and the cells of the kernel tell each
// other values. It speaks to the kernel through the Jupyter server that the page comes from.
(() => {
  const kernel = %q;
  const old = globalThis.gonb_comm;
  if (old && old.kernel === kernel && old.alive()) return;
  if (old) old.close();

  const unique = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("");
  const session = unique(), comm = unique();
  const listeners = new Map(); // address -> Map(id -> callback)
  const variables = new Map(); // address -> variable
  let waiting = []; // messages, until the socket is open

  const config = JSON.parse(document.getElementById("jupyter-config-data")?.textContent || "{}");
  const url = new URL(config.baseUrl || document.body.dataset.baseUrl || "/", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.pathname += `api/kernels/${kernel}/channels`;
  url.search = new URLSearchParams({ session_id: session, ...(config.token && { token: config.token }) });
  const socket = new WebSocket(url);

  const post = (type, content) => {
    const header = { msg_id: unique(), msg_type: type, session, username: "", date: new Date().toISOString(), version: "5.3" };
    const text = JSON.stringify({ header, parent_header: {}, metadata: {}, content: { comm_id: comm, ...content }, channel: "shell", buffers: [] });
    if (waiting) waiting.push(text);
    else if (socket.readyState === WebSocket.OPEN) socket.send(text);
  };
  post("comm_open", { target_name: "gsmlab.widgets", data: {} });
  socket.onopen = () => {
    waiting.forEach((text) => socket.send(text));
    waiting = null;
  };
  socket.onmessage = (event) => {
    const message = typeof event.data === "string" ? JSON.parse(event.data) : {};
    if (message.header?.msg_type !== "comm_msg" || message.content.comm_id !== comm) return;
    const { address, value, read } = message.content.data;
    if (read) {
      const known = variables.get(address);
      if (known) send(address, known.get());
      return;
    }
    for (const callback of [...(listeners.get(address)?.values() || [])]) callback(address, value);
  };

  const send = (address, value) => post("comm_msg", { data: { address, value } });
  const subscribe = (address, callback) => {
    const id = Symbol(address);
    if (!listeners.has(address)) listeners.set(address, new Map());
    listeners.get(address).set(id, callback);
    return id;
  };
  const unsubscribe = (id) => listeners.forEach((callbacks) => callbacks.delete(id));

  // A variable has the same value here and in the kernel.
  const newSyncedVariable = (address, initial) => {
    let variable = variables.get(address);
    if (!variable) {
      let value = null;
      const callbacks = new Map();
      const change = (to) => {
        if (to === value) return false;
        value = to;
        callbacks.forEach((callback) => callback(value));
        return true;
      };
      variable = {
        get: () => value,
        set: (to) => change(to) && send(address, to),
        subscribe: (callback) => {
          const id = Symbol(address);
          callbacks.set(id, callback);
          return id;
        },
        unsubscribe: (id) => callbacks.delete(id),
      };
      subscribe(address, (_, to) => change(to));
      variables.set(address, variable);
    }
    variable.set(initial);
    return variable;
  };

  globalThis.gonb_comm = {
    kernel, send, subscribe, unsubscribe, newSyncedVariable,
    alive: () => socket.readyState <= WebSocket.OPEN,
    close: () => {
      post("comm_close", { data: {} });
      socket.close();
      delete globalThis.gonb_comm;
    },
  };
})();
