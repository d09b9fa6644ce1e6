module github.com/wardproc/ward/bench

go 1.26.0

require (
	github.com/wardproc/ward v0.0.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/mdlayher/socket v0.8.0 // indirect
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
)

replace github.com/wardproc/ward => ../
