# Varnish: built-in behaviour, /pass/ is passed. Its log is a ring in shared memory, here on tmpfs, and nobody reads it.
vcl 4.1;

backend origin {
    .host = "127.0.0.1";
    .port = "%origin%";
}

sub vcl_recv {
    if (req.url ~ "^/pass/") {
        return (pass);
    }
}
