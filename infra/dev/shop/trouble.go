package main

import "github.com/prometheus/client_golang/prometheus"

// A trouble is what a customer's request meets on its way; it answers 0 and "" when all is well.
//
// Unlike a fault, it hangs on what is around the version: memory, disk, load, the database's schema. A pod
// has those whose environment variables are set.
type trouble func() (status int, text string)

// troubles returns those that this pod has, in the order in which a request meets them.
func troubles(f fault, own *state, metrics prometheus.Registerer) ([]trouble, error) {
	var found []trouble
	for _, make := range []func(prometheus.Registerer) (trouble, error){newPool, newCache, newSchema} {
		one, err := make(metrics)
		if err != nil {
			return nil, err
		}
		if one != nil {
			found = append(found, one)
		}
	}
	leak, err := newLeak(f, own)
	if err != nil {
		return nil, err
	}
	return append(found, leak), nil
}
