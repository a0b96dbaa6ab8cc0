"""What a node needs before the daemon can run, rendered from the state: DRBD, the pair's manager, network, firewall.

`facts` reads the state as one node sees it, one module per program renders its files, `tree` puts them together,
`folder` writes them. All but `folder` is pure.
"""
