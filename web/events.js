// The service's events, for one page or, as a shared worker, for all tabs: HTTP/1.1 gives a browser six connections to a host.
const follow = (tell) => {
  let state = { kind: 'start' };
  const open = () => {
    const source = new EventSource('/api/events');
    source.onopen = () => tell((state = { kind: 'up' }));
    source.onerror = () => {
      if (state.kind !== 'down') tell((state = { kind: 'down', since: Date.now() }));
      // refused for good (signed out, restarting): the browser gives up, we do not
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 3000);
    };
    for (const kind of ['snapshot', 'line', 'call', 'callback']) source.addEventListener(kind, () => tell({ kind }));
  };
  open();
  return () => state;
};

if ('onconnect' in self) {
  const ports = new Set();
  const state = follow((told) => ports.forEach((port) => port.postMessage(told)));
  self.onconnect = ({ ports: [port] }) => {
    ports.add(port);
    port.onmessage = () => ports.delete(port);
    port.postMessage(state());
  };
}
