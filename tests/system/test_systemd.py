#!/usr/bin/python3 -B
import harness

harness.main()
