"""The network that the pair serves, and what each push of a test makes of it."""

NETWORK = "lan.vm.example"
VIRTUAL = "10.77.0.100"
REPOSITORY = "/srv/drbd0/reconciler/state.git"
SITE = f"""\
version: 1
site: vm
domain: vm.example
nodes:
  node-a: {{address: 10.77.0.1}}
  node-b: {{address: 10.77.0.2}}
networks:
  lan:
    interface: eth0
    domain: {NETWORK}
    ipv4: 10.77.0.0/16
    virtual_ips: [{VIRTUAL}]
    dhcp:
      ranges: [10.77.8.0-10.77.9.255]
      lease: 1h
    lease_names: yes
dns:
  clients_ask: dnsmasq
  authoritative: bind
  nameservers: [ns.{NETWORK}]
  serial: increment
"""
HOSTS = f"""\
ns: {{ipv4: {VIRTUAL}}}
gateway: {{ipv4: 10.77.0.254}}
www: {{ipv4: 10.77.0.10}}
"""
