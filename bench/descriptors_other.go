//go:build !unix

package main

func descriptorLimits() []limit { return nil }
