module github.com/wardproc/ward/test/container

go 1.26.0

require github.com/wardproc/ward v0.0.0

replace github.com/wardproc/ward => ../..
