"""The queues in Redis or Valkey, shared by several servers. Needs the extra ``zoldyq[redis]``."""
