# varnishd -F -f FILE -a 127.0.0.1:{{PORT}} -s malloc,256m -p thread_pools=1 -T none -j none -n DIR
# Stale is served only where the origin allows it; by itself Varnish would for ten seconds.
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "{{ORIGIN}}"; }
sub vcl_recv {
  if (req.url !~ "^/c/") { return (pass); }
}
sub vcl_backend_response {
  if (beresp.http.Cache-Control !~ "stale-while-revalidate") { set beresp.grace = 0s; }
}
