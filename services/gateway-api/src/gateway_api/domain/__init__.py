"""Pure decisions of the gateway: ids of commands, times, problem bodies, trace ids."""
