r"""The reference plugin's files, kept beside the database so that one can go back to it.

<dataDir>/<network>/<address> holds `<container>\r\n<interface>`; last_reserved_ip.<set> the last
address handed out; `lock` is flock'ed by whoever works there, the reference plugin included.
"""
