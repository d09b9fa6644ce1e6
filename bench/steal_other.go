//go:build !unix || aix

package main

const canSteal = false

func steal() {}
