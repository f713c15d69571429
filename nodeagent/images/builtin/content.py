"""What the image podnet/toolbox consists of, apart from busybox and perl themselves."""

SERVER_PATH = "/usr/libexec/podnet/serve"
PERL_PATH = "/usr/libexec/podnet/perl"
USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
GROUP = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"
FOLDERS = (
    "bin",
    "dev",
    "etc",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr/bin",
    "usr/sbin",
    "usr/libexec/podnet",
    "var/log",
)

# One process and one select loop: nothing to fork per connection, so 20 clients at once cost what one costs.
# Busybox alone cannot do this: Debian's has no UDP listener, and its nc starts a program per connection.
# perl-base is Essential on Debian and Ubuntu; only built-in functions are used, so no module is needed.
SERVER = r"""#!/usr/libexec/podnet/perl -w
# Answers with this machine's name: HTTP and plain TCP on one port, UDP on the same number.

my $port = $ENV{PORT} || 8080;
my $name = `/bin/hostname`;
chomp $name;
my ($patience_s, $drain_s) = (1.0, 0.3);
my ($INET, $INET6, $STREAM, $DGRAM) = (2, 10, 1, 2);
my ($stop_at, %client);
$| = 1;
$SIG{PIPE} = 'IGNORE';
$SIG{TERM} = $SIG{INT} = sub { $stop_at = now() + $drain_s };

sub now { my $t; open(my $u, '<', '/proc/uptime') or return time; ($t) = split / /, <$u>; return $t }

sub open_port {
    my ($type, $sock) = @_;
    if (socket($sock, $INET6, $type, 0)) {
        setsockopt($sock, 1, 2, pack('i', 1));        # SO_REUSEADDR
        setsockopt($sock, 41, 26, pack('i', 0));      # IPV6_V6ONLY off: both families
        return $sock if bind($sock, pack('S n N a16 L', $INET6, $port, 0, "\0" x 16, 0));
    }
    socket($sock, $INET, $type, 0) or die "serve: socket: $!\n";
    setsockopt($sock, 1, 2, pack('i', 1));
    bind($sock, pack('S n a4 x8', $INET, $port, "\0" x 4)) or die "serve: port $port: $!\n";
    return $sock;
}

sub peer_text {
    my ($packed) = @_;
    my ($family, $number) = unpack('S n', $packed);
    return join('.', unpack('x4 C4', $packed)) . ":$number" if $family == $INET;
    my @words = unpack('x8 n8', $packed);
    return join('.', unpack('x20 C4', $packed)) . ":$number" if $words[5] == 0xffff && !grep { $_ } @words[0 .. 4];
    return '[' . join(':', map { sprintf '%x', $_ } @words) . "]:$number";
}

sub answer {
    my ($c, $method) = @_;
    my $body = "$name\n";
    my $head = '';
    if ($method) {
        $head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " . length($body)
            . "\r\nX-Client-Address: $c->{peer}\r\nConnection: close\r\n\r\n";
        $body = '' if $method eq 'HEAD';
    }
    print "$method $c->{peer}\n" if $ENV{LOG};
    syswrite($c->{sock}, $head . $body);
    shutdown($c->{sock}, 1);
    # Bytes that arrive after close() would make the kernel answer with RST and lose what we sent.
    @$c{qw(answered until in)} = (1, now() + $patience_s, '');
}

sub consider {
    my ($c) = @_;
    return if $c->{answered} || $c->{in} !~ /\n/;
    my ($method) = $c->{in} =~ m{^([A-Z]+) \S+ HTTP/1\.[01]\r?\n};
    return answer($c, '') unless $method;
    return unless $c->{in} =~ /\r?\n\r?\n/;
    my $body_start = $+[0];
    my ($length) = $c->{in} =~ /^content-length:\s*(\d+)/mi;
    if ($c->{in} =~ /^expect:\s*100-continue/mi && !$c->{continued}++) {
        syswrite($c->{sock}, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    answer($c, $method) if length($c->{in}) - $body_start >= ($length || 0);
}

my $tcp = open_port($STREAM);
listen($tcp, 1024) or die "serve: listen: $!\n";
my $udp = open_port($DGRAM);
print "serving HTTP, TCP and UDP on port $port as $name\n";

while (!defined $stop_at || now() < $stop_at) {
    my $readable = '';
    vec($readable, fileno($_), 1) = 1 for $tcp, $udp, map { $_->{sock} } values %client;
    my $found = select($readable, undef, undef, %client || defined $stop_at ? 0.1 : 30);
    next if $found < 0;
    if (vec($readable, fileno($udp), 1) && defined(my $from = recv($udp, my $data, 65536, 0))) {
        send($udp, "$name\n", 0, $from);
    }
    if (vec($readable, fileno($tcp), 1) && (my $from = accept(my $sock, $tcp))) {
        $client{fileno $sock} = {sock => $sock, peer => peer_text($from), in => '', until => now() + $patience_s};
    }
    for my $fd (keys %client) {
        my $c = $client{$fd};
        if (vec($readable, $fd, 1)) {
            my $got = sysread($c->{sock}, $c->{in}, 65536, length $c->{in});
            if (!$got) { answer($c, '') if defined $got && !$c->{answered}; delete $client{$fd}; next }
            $c->{answered} ? ($c->{in} = '') : consider($c);
        }
        next if now() < $c->{until};
        # A silent client wants the name too; one that is sending a request gets the time it needs.
        if ($c->{answered}) { delete $client{$fd} }
        elsif ($c->{in} eq '') { answer($c, '') }
        elsif (now() > $c->{until} + 30) { delete $client{$fd} }
    }
}
print "told to end\n";
"""
