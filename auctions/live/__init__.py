"""The live channel: WebSocket and server-sent events with the same messages, from one hub."""
