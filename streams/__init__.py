"""Put the parts together: the pure engine, the Kafka shells around it, HTTP and the command line."""
