-- Whether a script's ring reaches this connection. Key 1 lies in the slot of the channel ARGV[1].
return redis.call('SPUBLISH', ARGV[1], 'test')
