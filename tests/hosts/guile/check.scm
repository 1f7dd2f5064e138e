;;; Counts what is as it should be, and prints a line for each part of the program.

(define-module (check)
  #:use-module (ice-9 exceptions)
  #:export (check-equal failures part summary))

(define passed 0)
(define failed 0)

(define (failures) failed)

(define (check-equal what expected got)
  (if (equal? expected got)
      (set! passed (1+ passed))
      (begin
        (set! failed (1+ failed))
        (format (current-error-port) "FAILED ~a: expected ~s, got ~s~%" what expected got))))

(define (message exception)
  (if (exception-with-message? exception)
      (apply format #f (exception-message exception)
             (if (exception-with-irritants? exception) (exception-irritants exception) '()))
      (format #f "~s" exception)))

(define (part name thunk)
  "Prints a line of the table; a part may give what stands there instead of yes."
  (let* ((before failed)
         (value (with-exception-handler
                    (lambda (exception)
                      (check-equal name "no exception" (message exception))
                      (format #f "no: ~a" (message exception)))
                  thunk
                  #:unwind? #t)))
    (format #t "~a: ~a~%" name
            (cond ((and (> failed before) (not (string? value)))
                   (format #f "no: ~a failed" (- failed before)))
                  ((string? value) value)
                  (else "yes")))
    (= failed before)))

(define (summary)
  "Prints the last line, and leaves with what it says."
  (format #t "~a passed, ~a failed~%" passed failed)
  (exit (zero? failed)))
