module github.com/wardproc/ward/test/vm

go 1.26.0

require (
	github.com/wardproc/ward v0.0.0
	golang.org/x/sys v0.49.0
)

replace github.com/wardproc/ward => ../..
