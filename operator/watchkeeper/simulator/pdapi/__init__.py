"""PD's HTTP API without sockets: a call goes in, an answer comes out."""
